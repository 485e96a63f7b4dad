"""Code that runs in the browser, and its counterparts here: keys, saving, microphone, replay."""
