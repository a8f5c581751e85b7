"""The same responses as Django REST framework code usually gives them."""
