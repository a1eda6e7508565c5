// Asks for answers that break, with Java's own client; prints of each its base, path, end and text, tabs between them.
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

class Breaks {
  static final long QUIET = 1500;

  public static void main(String[] arguments) throws Exception {
    HttpClient client = HttpClient.newHttpClient();
    List<Thread> asking = new ArrayList<>();
    for (String base : arguments[0].split(",")) {
      for (String path : List.of(arguments).subList(1, arguments.length)) {
        Thread one = new Thread(() -> ask(client, base, path));
        asking.add(one);
        one.start();
      }
    }
    for (Thread each : asking) each.join();
    System.exit(0);
  }

  static void ask(HttpClient client, String base, String path) {
    StringBuffer text = new StringBuffer();
    StringBuffer end = new StringBuffer();
    CountDownLatch over = new CountDownLatch(1);
    Thread reader = new Thread(() -> {
      try (var body = client.send(HttpRequest.newBuilder(URI.create(base + path)).build(), BodyHandlers.ofInputStream()).body()) {
        byte[] piece = new byte[8192];
        for (int size; (size = body.read(piece)) >= 0; ) text.append(new String(piece, 0, size, StandardCharsets.UTF_8));
        end.append("whole");
      } catch (IOException failure) {
        end.append(failure.getClass().getSimpleName());
      } catch (InterruptedException left) {
        end.append("left");
      }
      over.countDown();
    });
    reader.setDaemon(true);
    reader.start();
    try {
      String met = over.await(QUIET, TimeUnit.MILLISECONDS) ? end.toString() : "quiet";
      System.out.println(base + "\t" + path + "\t" + met + "\t" + text.toString().replace("\n", "|"));
    } catch (InterruptedException left) {
      throw new IllegalStateException(left);
    }
  }
}
