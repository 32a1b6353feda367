"""The rooms of Carillon."""
