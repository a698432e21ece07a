"""What things are: commands, events, audio, messages, ids and errors. Standard library only; nothing here awaits."""
