"""The OpenAPI document: what it adds to the declarations of the views, and its routes."""
