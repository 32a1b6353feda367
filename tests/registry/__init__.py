"""What registry promises, asked and answered."""
