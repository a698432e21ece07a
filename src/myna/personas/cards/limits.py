"""What a card may bring. Whoever made it may be anybody."""

MB = 1_000_000

LARGEST_FILE = 100 * MB
LONGEST_JSON = 8 * MB
"""Cards with large lorebooks have half a megabyte."""
DEEPEST_JSON = 64
MOST_CHUNKS = 50_000
"""Of a PNG file; encoders write some 8 kB a chunk."""
MOST_PIXELS = 4096 * 4096
MOST_MEMBERS = 2000
"""Of a CHARX archive."""
LARGEST_MEMBER = 50 * MB
MOST_UNPACKED = 200 * MB
HIGHEST_RATIO = 200
"""How much larger than in the archive a file of more than `SMALL` may be: text is some 10 times, bombs are 1000."""
SMALL = MB

LONGEST_NAME = 200
LONGEST_TEXT = 100_000
"""Characters of one text of a card."""
MOST_EXAMPLES = 12
MOST_GREETINGS = 100
MOST_KEYS = 10_000
"""Of all entries of a lorebook together."""
