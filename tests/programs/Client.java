// Asks a server with Java's own client, as it is delivered, and prints a line for each answer: path, status, lines, error.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;

class Client {
  public static void main(String[] arguments) throws Exception {
    HttpClient client = HttpClient.newHttpClient();
    for (String path : new String[] {"/stream", "/reset", "/eof", "/malformed", "/nothing", "/missing"}) {
      int status = 0;
      int events = 0;
      String error = "";
      try {
        HttpRequest request = HttpRequest.newBuilder(URI.create(arguments[0] + path)).build();
        var answer = client.send(request, BodyHandlers.ofInputStream());
        status = answer.statusCode();
        BufferedReader lines = new BufferedReader(new InputStreamReader(answer.body(), "UTF-8"));
        for (String line; (line = lines.readLine()) != null; ) {
          if (line.startsWith("data: ")) events++;
        }
      } catch (java.io.IOException failure) {
        error = "IOException";
      }
      System.out.println(path + " " + status + " " + events + " " + error);
    }
    System.exit(0);
  }
}
