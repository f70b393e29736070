"""Parts of the documentation site: what Sphinx, its theme and MyST do not have."""
