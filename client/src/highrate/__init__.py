"""What the platform has in a user's image. Standard library only: nothing in a user's environment may conflict with it."""
