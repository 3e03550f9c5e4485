"""Mathematics with one number as the answer: GSM8K, and a user's own problems of that form."""
