/* SPDX-License-Identifier: Apache-2.0 */

import org.apache.kafka.common.message.ApiMessageType.ListenerType;
import org.apache.kafka.common.protocol.ApiKeys;

/** The APIs that clients and brokers ask of a broker, in the versions that are stable: "KEY NAME MIN-MAX". */
public class Apis {
    public static void main(String[] args) {
        for (ApiKeys api : ApiKeys.values()) {
            short max = api.messageType.highestSupportedVersion(false);
            if (max >= 0 && api.messageType.listeners().contains(ListenerType.BROKER))
                System.out.println(api.id + " " + api.messageType.name + " "
                        + api.messageType.lowestSupportedVersion() + "-" + max);
        }
    }
}
