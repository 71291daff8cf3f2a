export interface KubeconfigOptions {
  readonly server: string;
  readonly ca: string;
  readonly user: string;
  readonly token: string;
}

/** A kubeconfig with one context named `nought`; JSON, which every YAML reader takes. */
export function kubeconfig({ server, ca, user, token }: KubeconfigOptions): string {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'nought',
        cluster: {
          server,
          'certificate-authority-data': Buffer.from(ca).toString('base64'),
        },
      },
    ],
    users: [{ name: user, user: { token } }],
    contexts: [{ name: 'nought', context: { cluster: 'nought', user, namespace: 'default' } }],
    'current-context': 'nought',
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}
