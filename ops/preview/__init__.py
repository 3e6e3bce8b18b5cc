"""What an update would change, told to who reviews it: `pulumi preview`, read, judged and written as a comment."""
