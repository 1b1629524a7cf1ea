// A certified OpenID provider that gives out tokens by client credentials: node oidc_provider.mjs
// Prints its port when it listens. Client: gateway, with the secret from SECRET. GET /me-too tells
// whether the bearer token of a request is one that it gave out.
import http from 'node:http';
import Provider from 'oidc-provider';

const server = http.createServer();
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address();
  const provider = new Provider(`http://127.0.0.1:${port}`, {
    clients: [
      {
        client_id: 'gateway',
        client_secret: process.env.SECRET,
        grant_types: ['client_credentials'],
        response_types: [],
        redirect_uris: [],
        token_endpoint_auth_method: process.env.METHOD,
        scope: 'dicom.write',
      },
    ],
    scopes: ['dicom.write'],
    features: { clientCredentials: { enabled: true }, devInteractions: { enabled: false } },
    ttl: { ClientCredentials: 120 },
  });
  const answer = provider.callback();
  server.on('request', async (request, response) => {
    if (request.url !== '/me-too') {
      answer(request, response);
      return;
    }
    const token = (request.headers.authorization ?? '').replace(/^Bearer /, '');
    const found = await provider.ClientCredentials.find(token);
    response.writeHead(found && !found.isExpired ? 200 : 401).end();
  });
  console.log(port);
});
