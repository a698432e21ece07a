"""Conversations and their messages, kept."""
