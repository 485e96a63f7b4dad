"""Text for people: numbers and names as they are typed, messages, progress lines.

Everything here works without a terminal and in any code page. Imports nothing of snnlab but errors.
"""
