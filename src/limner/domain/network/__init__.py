"""IP addresses and trusted proxies."""
