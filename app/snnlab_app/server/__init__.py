"""The server: pages, access, security headers, log and status page."""
