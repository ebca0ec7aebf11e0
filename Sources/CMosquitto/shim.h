#include <mosquitto.h>
#include <mqtt_protocol.h>
// libmosquitto tells TLS failures apart by one number only, so the context is ours.
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/eventfd.h>
