"""What holds the vectors of memories, a file each."""
