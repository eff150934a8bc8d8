/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KB_CODES_H
#define KB_CODES_H
/*
 * Every error code, once: name, number, class, words for people.
 *
 * From -1 up they are the protocol's and keep its names and numbers; from -100
 * down they are ours and say what went wrong on this side of the wire. The
 * class is what holds wherever an API does not say otherwise:
 *
 *   PLAIN  the request is answered, asking again changes nothing
 *   RETRY  asking again, perhaps elsewhere, can help
 *   ABORT  the open transaction has to be aborted, then all is well
 *   FATAL  the handle is of no more use
 */

/* clang-format off */
#define KB_PROTOCOL_CODES(X)                                                                       \
    X(UNKNOWN_SERVER_ERROR, -1, PLAIN, "the broker failed in a way it has no code for; see its log") \
    X(NONE, 0, PLAIN, "success")                                                                   \
    X(OFFSET_OUT_OF_RANGE, 1, PLAIN, "the partition does not hold this offset")                    \
    X(CORRUPT_MESSAGE, 2, RETRY, "a record batch does not match its checksum or its own lengths")  \
    X(UNKNOWN_TOPIC_OR_PARTITION, 3, RETRY, "the broker does not have this topic or partition")    \
    X(INVALID_FETCH_SIZE, 4, PLAIN, "the fetch size makes no sense")                               \
    X(LEADER_NOT_AVAILABLE, 5, RETRY, "the partition has no leader at the moment")                 \
    X(NOT_LEADER_OR_FOLLOWER, 6, RETRY, "the partition is led by another broker")                  \
    X(REQUEST_TIMED_OUT, 7, RETRY, "the broker could not finish within the request's timeout")     \
    X(BROKER_NOT_AVAILABLE, 8, PLAIN, "the broker is not there")                                   \
    X(REPLICA_NOT_AVAILABLE, 9, RETRY, "no replica of the partition can answer")                   \
    X(MESSAGE_TOO_LARGE, 10, PLAIN, "larger than the broker takes (message.max.bytes)")            \
    X(STALE_CONTROLLER_EPOCH, 11, PLAIN, "sent by a controller that has been replaced")            \
    X(OFFSET_METADATA_TOO_LARGE, 12, PLAIN, "the note beside the committed offset is too long")    \
    X(NETWORK_EXCEPTION, 13, RETRY, "the connection ended before the answer")                      \
    X(COORDINATOR_LOAD_IN_PROGRESS, 14, RETRY, "the coordinator is still loading its state")       \
    X(COORDINATOR_NOT_AVAILABLE, 15, RETRY, "there is no coordinator at the moment")               \
    X(NOT_COORDINATOR, 16, RETRY, "the coordinator is another broker")                             \
    X(INVALID_TOPIC_EXCEPTION, 17, PLAIN, "this is no name for a topic, or the topic is internal") \
    X(RECORD_LIST_TOO_LARGE, 18, PLAIN, "the batch is larger than a segment of the topic")         \
    X(NOT_ENOUGH_REPLICAS, 19, RETRY, "fewer replicas in sync than min.insync.replicas asks for")  \
    X(NOT_ENOUGH_REPLICAS_AFTER_APPEND, 20, RETRY,                                                 \
      "written, but by fewer replicas than min.insync.replicas asks for")                          \
    X(INVALID_REQUIRED_ACKS, 21, PLAIN, "acks is none of 0, 1 and all")                            \
    X(ILLEGAL_GENERATION, 22, PLAIN, "the group has moved on to another generation")               \
    X(INCONSISTENT_GROUP_PROTOCOL, 23, PLAIN, "the group's members use another assignment strategy") \
    X(INVALID_GROUP_ID, 24, PLAIN, "this is no name for a group")                                  \
    X(UNKNOWN_MEMBER_ID, 25, PLAIN, "the group does not know this member")                         \
    X(INVALID_SESSION_TIMEOUT, 26, PLAIN, "session.timeout.ms is outside the broker's bounds")     \
    X(REBALANCE_IN_PROGRESS, 27, PLAIN, "the group is rebalancing; join again")                    \
    X(INVALID_COMMIT_OFFSET_SIZE, 28, PLAIN, "the commit does not fit the offsets topic")          \
    X(TOPIC_AUTHORIZATION_FAILED, 29, PLAIN, "not allowed on this topic")                          \
    X(GROUP_AUTHORIZATION_FAILED, 30, PLAIN, "not allowed on this group")                          \
    X(CLUSTER_AUTHORIZATION_FAILED, 31, PLAIN, "not allowed on the cluster")                       \
    X(INVALID_TIMESTAMP, 32, PLAIN, "a record's timestamp is outside the topic's bounds")          \
    X(UNSUPPORTED_SASL_MECHANISM, 33, FATAL, "the broker does not offer this SASL mechanism")      \
    X(ILLEGAL_SASL_STATE, 34, FATAL, "authentication does not stand at this step")                 \
    X(UNSUPPORTED_VERSION, 35, FATAL, "the other side does not speak this version of the API")     \
    X(TOPIC_ALREADY_EXISTS, 36, PLAIN, "there is a topic of this name")                            \
    X(INVALID_PARTITIONS, 37, PLAIN, "not a possible number of partitions")                        \
    X(INVALID_REPLICATION_FACTOR, 38, PLAIN, "not a possible number of replicas; are there enough brokers?") \
    X(INVALID_REPLICA_ASSIGNMENT, 39, PLAIN, "the assignment of replicas makes no sense")          \
    X(INVALID_CONFIG, 40, PLAIN, "the broker refuses this configuration")                          \
    X(NOT_CONTROLLER, 41, RETRY, "the controller is another broker")                               \
    X(INVALID_REQUEST, 42, PLAIN, "the request contradicts itself")                                \
    X(UNSUPPORTED_FOR_MESSAGE_FORMAT, 43, PLAIN, "the topic's message format is too old for this") \
    X(POLICY_VIOLATION, 44, PLAIN, "a policy of the broker forbids it")                            \
    X(OUT_OF_ORDER_SEQUENCE_NUMBER, 45, PLAIN, "a batch before this one is missing")               \
    X(DUPLICATE_SEQUENCE_NUMBER, 46, PLAIN, "the batch was written before")                        \
    X(INVALID_PRODUCER_EPOCH, 47, PLAIN, "a newer instance of the producer has taken over")        \
    X(INVALID_TXN_STATE, 48, FATAL, "the transaction does not stand at this step")                 \
    X(INVALID_PRODUCER_ID_MAPPING, 49, FATAL, "the transactional id belongs to another producer id") \
    X(INVALID_TRANSACTION_TIMEOUT, 50, FATAL, "transaction.timeout.ms is above the broker's bound") \
    X(CONCURRENT_TRANSACTIONS, 51, RETRY, "the transaction before this one is still being ended")  \
    X(TRANSACTION_COORDINATOR_FENCED, 52, FATAL, "sent by a transaction coordinator that was replaced") \
    X(TRANSACTIONAL_ID_AUTHORIZATION_FAILED, 53, FATAL, "not allowed to use this transactional id") \
    X(SECURITY_DISABLED, 54, PLAIN, "the broker runs without access control")                      \
    X(OPERATION_NOT_ATTEMPTED, 55, PLAIN, "not tried, since another part of the request failed")   \
    X(KAFKA_STORAGE_ERROR, 56, RETRY, "the broker's disk failed")                                  \
    X(LOG_DIR_NOT_FOUND, 57, PLAIN, "the broker has no such log directory")                        \
    X(SASL_AUTHENTICATION_FAILED, 58, FATAL, "the credentials were refused")                       \
    X(UNKNOWN_PRODUCER_ID, 59, PLAIN, "the partition no longer knows this producer")               \
    X(REASSIGNMENT_IN_PROGRESS, 60, PLAIN, "the partition's replicas are being moved")             \
    X(DELEGATION_TOKEN_AUTH_DISABLED, 61, PLAIN, "delegation tokens are off")                      \
    X(DELEGATION_TOKEN_NOT_FOUND, 62, PLAIN, "there is no such delegation token")                  \
    X(DELEGATION_TOKEN_OWNER_MISMATCH, 63, PLAIN, "the delegation token is somebody else's")       \
    X(DELEGATION_TOKEN_REQUEST_NOT_ALLOWED, 64, PLAIN, "no delegation tokens over this connection") \
    X(DELEGATION_TOKEN_AUTHORIZATION_FAILED, 65, PLAIN, "not allowed on this delegation token")    \
    X(DELEGATION_TOKEN_EXPIRED, 66, PLAIN, "the delegation token has expired")                     \
    X(INVALID_PRINCIPAL_TYPE, 67, PLAIN, "no such type of principal")                              \
    X(NON_EMPTY_GROUP, 68, PLAIN, "the group still has members")                                   \
    X(GROUP_ID_NOT_FOUND, 69, PLAIN, "there is no such group")                                     \
    X(FETCH_SESSION_ID_NOT_FOUND, 70, RETRY, "the broker has dropped the fetch session")           \
    X(INVALID_FETCH_SESSION_EPOCH, 71, RETRY, "the fetch session is out of step")                  \
    X(LISTENER_NOT_FOUND, 72, RETRY, "the leader has no listener of the name this client came by") \
    X(TOPIC_DELETION_DISABLED, 73, PLAIN, "deleting topics is off (delete.topic.enable)")          \
    X(FENCED_LEADER_EPOCH, 74, RETRY, "the client's leader epoch is older than the broker's")      \
    X(UNKNOWN_LEADER_EPOCH, 75, RETRY, "the client's leader epoch is newer than the broker's")     \
    X(UNSUPPORTED_COMPRESSION_TYPE, 76, PLAIN, "the other side cannot read this compression")      \
    X(STALE_BROKER_EPOCH, 77, PLAIN, "the broker has registered anew since")                       \
    X(OFFSET_NOT_AVAILABLE, 78, RETRY, "a new leader does not know its high watermark yet")        \
    X(MEMBER_ID_REQUIRED, 79, PLAIN, "join again with the member id of this answer")               \
    X(PREFERRED_LEADER_NOT_AVAILABLE, 80, RETRY, "the preferred leader is not there")              \
    X(GROUP_MAX_SIZE_REACHED, 81, FATAL, "the group has as many members as it may")                \
    X(FENCED_INSTANCE_ID, 82, FATAL, "another member has come with the same group.instance.id")    \
    X(ELIGIBLE_LEADERS_NOT_AVAILABLE, 83, RETRY, "no replica that may lead is there")              \
    X(ELECTION_NOT_NEEDED, 84, PLAIN, "the partition is led by whom it should be")                 \
    X(NO_REASSIGNMENT_IN_PROGRESS, 85, PLAIN, "the partition's replicas are not being moved")      \
    X(GROUP_SUBSCRIBED_TO_TOPIC, 86, PLAIN, "the group is subscribed to this topic")               \
    X(INVALID_RECORD, 87, PLAIN, "a record breaks the topic's rules")                              \
    X(UNSTABLE_OFFSET_COMMIT, 88, RETRY, "a transaction that commits offsets is still open")       \
    X(THROTTLING_QUOTA_EXCEEDED, 89, RETRY, "the quota is used up for now")                        \
    X(PRODUCER_FENCED, 90, FATAL, "a newer producer has come with the same transactional id")      \
    X(RESOURCE_NOT_FOUND, 91, PLAIN, "there is no such resource")                                  \
    X(DUPLICATE_RESOURCE, 92, PLAIN, "the resource is there already, or named twice")              \
    X(UNACCEPTABLE_CREDENTIAL, 93, PLAIN, "the credential does not meet the rules")                \
    X(INCONSISTENT_VOTER_SET, 94, PLAIN, "the two sides disagree on the voters")                   \
    X(INVALID_UPDATE_VERSION, 95, PLAIN, "the update's version does not follow the current one")   \
    X(FEATURE_UPDATE_FAILED, 96, PLAIN, "the features could not be updated")                       \
    X(PRINCIPAL_DESERIALIZATION_FAILURE, 97, PLAIN, "a forwarded principal cannot be read")        \
    X(SNAPSHOT_NOT_FOUND, 98, PLAIN, "there is no such snapshot")                                  \
    X(POSITION_OUT_OF_RANGE, 99, PLAIN, "the snapshot does not reach this position")               \
    X(UNKNOWN_TOPIC_ID, 100, RETRY, "the broker does not have a topic of this id")                 \
    X(DUPLICATE_BROKER_REGISTRATION, 101, PLAIN, "another broker runs under the same id")          \
    X(BROKER_ID_NOT_REGISTERED, 102, PLAIN, "no broker is registered under this id")               \
    X(INCONSISTENT_TOPIC_ID, 103, RETRY, "the log belongs to another topic of the same name")      \
    X(INCONSISTENT_CLUSTER_ID, 104, PLAIN, "the request is for another cluster")                   \
    X(TRANSACTIONAL_ID_NOT_FOUND, 105, PLAIN, "there is no such transactional id")                 \
    X(FETCH_SESSION_TOPIC_ID_ERROR, 106, RETRY, "the fetch session mixes topic names and ids")     \
    X(INELIGIBLE_REPLICA, 107, PLAIN, "the replica may not join those in sync")                    \
    X(NEW_LEADER_ELECTED, 108, PLAIN, "the change made another broker the leader")                 \
    X(OFFSET_MOVED_TO_TIERED_STORAGE, 109, PLAIN, "the offset lies in remote storage by now")      \
    X(FENCED_MEMBER_EPOCH, 110, PLAIN, "the group has given up this member; join again")           \
    X(UNRELEASED_INSTANCE_ID, 111, FATAL, "a living member holds the same group.instance.id")      \
    X(UNSUPPORTED_ASSIGNOR, 112, PLAIN, "the group coordinator has no such assignor")              \
    X(STALE_MEMBER_EPOCH, 113, PLAIN, "the member's epoch is behind; send a heartbeat first")      \
    X(MISMATCHED_ENDPOINT_TYPE, 114, PLAIN, "a request for the other kind of endpoint")            \
    X(UNSUPPORTED_ENDPOINT_TYPE, 115, PLAIN, "this endpoint type is not known here")               \
    X(UNKNOWN_CONTROLLER_ID, 116, PLAIN, "no controller has this id")                              \
    X(UNKNOWN_SUBSCRIPTION_ID, 117, PLAIN, "the telemetry subscription has changed")               \
    X(TELEMETRY_TOO_LARGE, 118, PLAIN, "more telemetry than the broker takes at once")             \
    X(INVALID_REGISTRATION, 119, PLAIN, "the controller refuses the broker's registration")        \
    X(TRANSACTION_ABORTABLE, 120, ABORT, "the transaction cannot be committed; abort it")          \
    X(INVALID_RECORD_STATE, 121, PLAIN, "the record is not this member's to acknowledge")          \
    X(SHARE_SESSION_NOT_FOUND, 122, RETRY, "the broker has dropped the share session")             \
    X(INVALID_SHARE_SESSION_EPOCH, 123, RETRY, "the share session is out of step")                 \
    X(FENCED_STATE_EPOCH, 124, PLAIN, "the share state has a newer epoch")                         \
    X(INVALID_VOTER_KEY, 125, PLAIN, "the voter's directory id does not match")                    \
    X(DUPLICATE_VOTER, 126, PLAIN, "the voter is one already")                                     \
    X(VOTER_NOT_FOUND, 127, PLAIN, "there is no such voter")                                       \
    X(INVALID_REGULAR_EXPRESSION, 128, PLAIN, "the broker cannot read this regular expression")    \
    X(REBOOTSTRAP_REQUIRED, 129, PLAIN, "the client has to start over from its bootstrap servers") \
    X(STREAMS_INVALID_TOPOLOGY, 130, PLAIN, "the streams topology makes no sense")                 \
    X(STREAMS_INVALID_TOPOLOGY_EPOCH, 131, PLAIN, "not a possible epoch of the streams topology")  \
    X(STREAMS_TOPOLOGY_FENCED, 132, PLAIN, "the streams topology has a newer epoch")               \
    X(SHARE_SESSION_LIMIT_REACHED, 133, RETRY, "the broker holds as many share sessions as it may")

#define KB_LOCAL_CODES(X)                                                                          \
    X(TIMED_OUT, -100, RETRY, "not done within the timeout")                                       \
    X(INTERRUPTED, -101, RETRY, "the wait was ended by a wake or a signal; nothing is lost")       \
    X(QUEUE_FULL, -102, RETRY, "buffer.memory is used up")                                         \
    X(INVALID_ARGUMENT, -103, PLAIN, "an argument makes no sense")                                 \
    X(BAD_CONFIG, -104, PLAIN, "the configuration makes no sense")                                 \
    X(STATE, -105, PLAIN, "not possible at this step")                                             \
    X(BUSY, -106, RETRY, "another thread is inside")                                               \
    X(CLOSED, -107, FATAL, "the handle is closed")                                                 \
    X(FORKED, -108, FATAL, "the handle was made before fork; make another in the child")           \
    X(NO_MEMORY, -109, RETRY, "out of memory")                                                     \
    X(UNDELIVERED, -110, PLAIN, "some records could not be delivered; take their reports")         \
    X(ASSIGNMENT_LOST, -111, PLAIN, "the partition has moved to another member")                   \
    X(HELD, -112, RETRY, "the application holds the whole fetch budget; finish a batch")           \
    X(LEASE_EXPIRED, -113, PLAIN, "max.poll.interval.ms went by without progress")                 \
    X(TXN_ABORTED, -114, ABORT, "the transaction was aborted and rewound; begin again")            \
    X(TRANSPORT, -115, RETRY, "the connection failed")                                             \
    X(TLS, -116, PLAIN, "TLS failed")                                                              \
    X(AUTHENTICATION, -117, FATAL, "authentication failed")                                        \
    X(UNSUPPORTED, -118, PLAIN, "the broker cannot do this")                                       \
    X(PROTOCOL, -119, PLAIN, "the other side sent what the protocol does not allow")               \
    X(LIMIT, -120, PLAIN, "larger than a limit of ours allows")                                    \
    X(CORRUPT, -121, FATAL, "a file does not hold what it should")                                 \
    X(DISK, -122, FATAL, "a file operation failed")                                                \
    X(PURGED, -123, PLAIN, "given up before it was delivered")
/* clang-format on */

#define KB_CODE_ENUM(name, number, class, text) KB_E_##name = (number),
enum kb_code { KB_PROTOCOL_CODES(KB_CODE_ENUM) KB_LOCAL_CODES(KB_CODE_ENUM) KB_OK = 0 };
#undef KB_CODE_ENUM
/* clang-format on */

#endif
