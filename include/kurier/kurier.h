/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KURIER_KURIER_H
#define KURIER_KURIER_H
/*
 * Kurier: a client for the Kafka protocol.
 *
 *   runtime ─┬─ producer ── topics ── records in, reports out; transactions
 *            ├─ consumer ── batches out, positions back
 *            └─ client: what every handle is: ready, admin, events
 *
 * Eight rules hold everywhere, so the functions below do not repeat them.
 *
 *  1. Made by _new, ended by _free; NULL may be freed. What goes in is copied.
 *     What comes out is a view; its own line says how long it lives.
 *  2. A struct that you fill is zeroed first: a zero field is its default. The
 *     one exception is kurier_position (offset 0 is an offset): use kurier_at.
 *  3. A function answers a code (0 is success), a pointer (NULL) or a count
 *     (0). With `err`, the reason stands there, in words that say what to do;
 *     err->code is 0 if all went well or there was merely nothing. NULL will do.
 *  4. timeout_ms: 0 never waits, KURIER_FOREVER has no end. A wait also ends,
 *     with KURIER_E_INTERRUPTED, on kurier_client_wake() and when a signal
 *     handler ran in the waiting thread. A call marked [resumable] that ends by
 *     TIMED_OUT or INTERRUPTED goes on behind; call it again to hear the end.
 *  5. Threads. Producers, topics, clients, batches: any thread. Consumers: one
 *     thread at a time, a second gets KURIER_E_BUSY; [any] marks exceptions.
 *     _free comes last, when no other call on the handle is running.
 *  6. Your callbacks run on a thread that is inside a function marked [calls
 *     back] (partitioners: inside send), never elsewhere, and never with a lock
 *     of ours held. Our thread blocks all signals.
 *  7. What time heals is healed and told as an event. An error is yours.
 *  8. In the child of a fork every call answers KURIER_E_FORKED, and _free
 *     gives back memory and descriptors without a word to the network.
 */
#include <kurier/base.h>
#include <kurier/client.h>
#include <kurier/producer.h>
#include <kurier/consumer.h>
#include <kurier/admin.h>
#include <kurier/groups.h>
#include <kurier/transactions.h>
#include <kurier/txn_admin.h>

#endif
