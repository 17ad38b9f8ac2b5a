"""New versions of the program at a node: taken in parts, put in place whole, on trial until kept, or rolled back."""
