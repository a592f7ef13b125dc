"""A launch package: uses two frameworks, scipy and httpx, in one application."""
