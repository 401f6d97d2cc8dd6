//! Functions of the stack, invoked by hand.

use aws_sdk_lambda::primitives::Blob;
use serde_json::Value as Json;

use crate::stack::Stack;

/// What the function, by its name in the template, answers to `event`.
pub(crate) async fn invoke(stack: &Stack, function: &str, event: &Json) -> Json {
    let lambda = aws_sdk_lambda::Client::new(&stack.sdk());
    let call = lambda.invoke().function_name(stack.resource(function));
    let answer = call.payload(Blob::new(event.to_string())).send().await.unwrap();
    assert_eq!(answer.function_error(), None, "{:?}", answer.payload());
    serde_json::from_slice(answer.payload().unwrap().as_ref()).unwrap()
}
