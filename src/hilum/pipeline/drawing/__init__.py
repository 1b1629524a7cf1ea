"""Where frames are decoded and pictures drawn: in processes of their own, which may die."""
