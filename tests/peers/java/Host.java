/* SPDX-License-Identifier: Apache-2.0 */

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs programs, Kafka's command line tools among them, one after another in this one JVM, since starting a JVM
 * costs more than most of them. kit/jvm.py is at the other end of standard input and output:
 *
 *   in:   patience in ms, number of words, each word, length of standard input, it
 *   out:  exit status, length of what the program said, it
 *
 * Numbers are four bytes, words are as of DataOutput.writeUTF. The first word is a class with a main: of ours, or
 * one of Kafka's tools, which lie in other packages in other versions. Status THREW: main threw; STUCK: it had not
 * ended in time; then it says last where it stood, and this JVM ends.
 */
public final class Host {
    private static final String[] PACKAGES = {
        "", "org.apache.kafka.tools.", "org.apache.kafka.tools.consumer.",
        "org.apache.kafka.tools.consumer.group.", "org.apache.kafka.tools.reassign.", "kafka.admin.", "kafka.tools."};
    private static final int THREW = -1;
    private static final int STUCK = -2;

    /** What a program's own exit becomes. */
    private static final class Exited extends Error {
        Exited() {
            super("exited", null, false, false);
        }
    }

    private static final List<Runnable> shutdownHooks = new CopyOnWriteArrayList<>();
    private static final ByteArrayOutputStream said = new ByteArrayOutputStream();
    private static volatile Integer exitStatus;
    private static volatile boolean silent;

    public static void main(String[] args) throws Exception {
        DataInputStream in = new DataInputStream(System.in);
        DataOutputStream out = new DataOutputStream(System.out);
        captureOutput();
        interceptExit();
        while (true) {
            int patienceMs;
            try {
                patienceMs = in.readInt();
            } catch (EOFException end) {
                System.exit(0);
                return;
            }
            String[] words = new String[in.readInt()];
            for (int i = 0; i < words.length; i++)
                words[i] = in.readUTF();
            System.setIn(new ByteArrayInputStream(in.readNBytes(in.readInt())));
            int status = run(words, patienceMs);
            answer(out, status);
            if (status == STUCK)
                Runtime.getRuntime().halt(1);
        }
    }

    private static void answer(DataOutputStream out, int status) throws Exception {
        byte[] text;
        synchronized (said) {
            text = said.toByteArray();
            said.reset();
        }
        out.writeInt(status);
        out.writeInt(text.length);
        out.write(text);
        out.flush();
    }

    /** Both streams, once and for all: some classes keep the stream that they first saw. */
    private static void captureOutput() {
        PrintStream all = new PrintStream(new OutputStream() {
            @Override
            public void write(int b) {
                write(new byte[] {(byte) b}, 0, 1);
            }

            @Override
            public void write(byte[] b, int from, int n) {
                synchronized (said) {
                    if (!silent)
                        said.write(b, from, n);
                }
            }
        }, true);
        System.setOut(all);
        System.setErr(all);
    }

    private static void interceptExit() {
        Exit.Procedure leave = (status, message) -> {
            if (message != null)
                System.err.println(message);
            if (exitStatus == null)
                exitStatus = status;
            silent = true; /* some catch what comes and complain of it */
            throw new Exited();
        };
        Exit.setExitProcedure(leave);
        Exit.setHaltProcedure(leave);
        Exit.setShutdownHookAdder((name, hook) -> shutdownHooks.add(hook));
    }

    private static int run(String[] words, int patienceMs) throws InterruptedException {
        exitStatus = null;
        shutdownHooks.clear();
        Thread program = new Thread(() -> {
            call(() -> invoke(words));
            silent = false;
            for (Runnable hook : shutdownHooks)
                call(hook::run);
        }, words[0]);
        program.setDaemon(true);
        program.start();
        program.join(patienceMs);
        if (program.isAlive()) {
            tellWhereItStands(program);
            return STUCK;
        }
        return exitStatus == null ? 0 : exitStatus;
    }

    private interface Step {
        void run() throws Throwable;
    }

    private static void call(Step step) {
        try {
            step.run();
        } catch (Exited exit) {
            return;
        } catch (Throwable thrown) {
            thrown.printStackTrace();
            if (exitStatus == null)
                exitStatus = THREW;
        }
    }

    private static void invoke(String[] words) throws Throwable {
        List<String> args = new ArrayList<>(List.of(words));
        try {
            find(args.remove(0)).getMethod("main", String[].class)
                .invoke(null, (Object) args.toArray(new String[0]));
        } catch (InvocationTargetException wrapped) {
            throw wrapped.getCause();
        }
    }

    private static Class<?> find(String name) throws ClassNotFoundException {
        for (String place : PACKAGES) {
            try {
                return Class.forName(place + name);
            } catch (ClassNotFoundException elsewhere) {
                continue;
            }
        }
        throw new ClassNotFoundException(name);
    }

    private static void tellWhereItStands(Thread program) {
        System.err.println("still running:");
        for (StackTraceElement line : program.getStackTrace())
            System.err.println("    at " + line);
    }
}
