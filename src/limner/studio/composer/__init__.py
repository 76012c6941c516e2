"""The composer of Make: its form, the models it offers, its quote, and what an empty account sees first."""
