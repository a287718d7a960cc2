"""The postman: events, health and state out over MQTT, documents in. It opens nothing and sees no picture."""
