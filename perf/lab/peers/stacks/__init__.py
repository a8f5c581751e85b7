"""The same answers as people usually write them, by Django REST framework: whom we measure with."""
