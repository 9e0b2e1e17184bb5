"""Plain data: what is known of a pod, and how its JSON is read. Nothing here decides or acts."""
