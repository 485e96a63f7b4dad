"""Text input and output: numbers and names as typed by users, messages, progress.

Works without a terminal and in any code page. Imports nothing of snnlab but errors.
"""
