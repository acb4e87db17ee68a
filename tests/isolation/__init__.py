"""What another organisation has is answered like what nobody has, on every route."""
