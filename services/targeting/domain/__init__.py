"""The words of targeting as values and rules; pure."""
