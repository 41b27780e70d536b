"""The stores: DynamoDB, and Secrets Manager for passwords."""
