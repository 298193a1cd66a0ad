"""Checks that stop a training which cannot learn: losses that are not finite, targets too long."""
