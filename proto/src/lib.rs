//! The wire of Stampede: gRPC messages and their conversion to and from the core's types.
