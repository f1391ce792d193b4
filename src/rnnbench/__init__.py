"""A reproducible comparison of recurrent networks."""
