"""What happens to reply text on its way: thinking, emotion tags, segments, speakable text. Feed a piece, get pieces."""
