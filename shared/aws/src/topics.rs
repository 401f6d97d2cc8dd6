//! SNS topics: publishing, and approvers' own topics.
