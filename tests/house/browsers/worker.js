self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', event => event.waitUntil(self.clients.claim()));
self.addEventListener('push', event => {
  const shown = event.data.json();
  event.waitUntil(Promise.all([
    self.registration.showNotification(shown.title || 'New message', {body: shown.alert}),
    fetch('/tell/received', {method: 'POST', body: JSON.stringify(shown)}),
  ]));
});
