"""gRPC (https://grpc.io): servers and channels of services, and the conversion of values to messages."""
