//! Inputs of several messages: each one has its length in front, as in gRPC.

use prost::Message;

/// The messages at the front of `bytes`, up to the first that is none.
pub(crate) fn messages<M: Message + Default>(mut bytes: &[u8]) -> Vec<M> {
    let mut messages = Vec::new();
    while !bytes.is_empty() && messages.len() < MESSAGES_MAX {
        let Ok(message) = M::decode_length_delimited(&mut bytes) else { break };
        messages.push(message);
    }
    messages
}

/// An input of these messages.
pub(crate) fn input<M: Message>(messages: &[M]) -> Vec<u8> {
    messages.iter().flat_map(Message::encode_length_delimited_to_vec).collect()
}

/// More messages would only make an input slow.
const MESSAGES_MAX: usize = 200;
