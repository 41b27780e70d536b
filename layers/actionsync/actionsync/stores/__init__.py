"""What is kept: connections and claims in DynamoDB, passwords in Secrets Manager."""
