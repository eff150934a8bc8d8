/* SPDX-License-Identifier: Apache-2.0 */

import sun.misc.Signal;

/** Apache Kafka, which ends with status 0 at SIGTERM, not with a JVM's 143. */
public final class Broker {
    private Broker() {
    }

    public static void main(String[] args) {
        Signal.handle(new Signal("TERM"), signal -> new Thread(() -> System.exit(0)).start());
        kafka.Kafka.main(args);
    }
}
