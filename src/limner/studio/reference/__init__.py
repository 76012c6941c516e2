"""The API reference as pages: its outline from the OpenAPI document, and trying a call out."""
