"""The split of a config examined: what each part holds, and what it lets a network cheat by."""
