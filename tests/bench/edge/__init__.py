"""What the way in costs."""
