"""Where models are loaded: verified before anything is unpickled."""
