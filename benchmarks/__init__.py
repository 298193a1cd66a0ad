"""Scripts that measure, each printing one table."""
