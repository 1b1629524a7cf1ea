// A certified OpenID provider whose access tokens are JWTs: node oidc_tokens.mjs
// Prints its port when it listens. Client: viewer, secret: secret. POST /rotate makes new keys, with
// the old ones gone; POST /down makes it answer 503 until POST /up.
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import http from 'node:http';
import Provider from 'oidc-provider';

function key(kind, options, alg) {
  const { privateKey } = generateKeyPairSync(kind, options);
  return { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', alg };
}

function answering(issuer) {
  const keys = [
    key('rsa', { modulusLength: 2048 }, 'RS256'),
    key('ec', { namedCurve: 'P-256' }, 'ES256'),
  ];
  const scopes = ['read', 'write', 'delete', 'admin'];
  const provider = new Provider(issuer, {
    jwks: { keys },
    clients: [
      {
        client_id: 'viewer',
        client_secret: 'secret',
        grant_types: ['client_credentials'],
        response_types: [],
        redirect_uris: [],
        scope: scopes.join(' '),
      },
    ],
    scopes,
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context, resource) => ({
          scope: scopes.join(' '),
          audience: resource,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: resource.endsWith('/ec') ? 'ES256' : 'RS256' } },
        }),
      },
    },
    ttl: { ClientCredentials: 120 },
  });
  return provider.callback();
}

const server = http.createServer();
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address();
  const issuer = `http://127.0.0.1:${port}`;
  let answer = answering(issuer);
  let isDown = false;
  server.on('request', (request, response) => {
    if (request.url === '/rotate') {
      answer = answering(issuer);
      response.end();
    } else if (request.url === '/down' || request.url === '/up') {
      isDown = request.url === '/down';
      response.end();
    } else if (isDown) {
      response.writeHead(503).end();
    } else {
      answer(request, response);
    }
  });
  console.log(port);
});
