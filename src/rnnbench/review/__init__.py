"""What a change of the repository does: what runs again and why, how long, which scores differ."""
