//! The durable state in one DynamoDB table.
