"""TLS certificates (RFC 5280) of one organisation: its authority, its broker, its nodes. ECDSA P-256, PEM.

P-256 because every broker and TLS stack takes it. A node's certificate is named by its opaque id (CN), which is
what the broker's access list goes by.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from node.clock import NS

MAX_NAME_CHARS = 64  # ub-common-name; whoever connects goes by the alternative names
BACKDATED = timedelta(hours=1)  # a node whose clock is a little behind still takes it


@dataclass(frozen=True, slots=True)
class Certified:
    """A certificate and its private key, both PEM."""

    certificate: bytes
    key: bytes

    @property
    def both(self) -> bytes:
        """As one file, which must be private."""
        return self.certificate + self.key


class CertificateAuthority:
    """Signs the certificates of one organisation. Its key stays off the nodes and off the broker."""

    def __init__(self, certified: Certified) -> None:
        self.certified = certified
        self._certificate = x509.load_pem_x509_certificate(certified.certificate)
        key = serialization.load_pem_private_key(certified.key, None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError("the authority's key is on an elliptic curve")
        self._key = key

    @classmethod
    def create(cls, name: str, *, now_ns: int, days: int) -> "CertificateAuthority":
        """A new authority, certified by itself."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(name)
        builder = _builder(subject, subject, key.public_key(), now_ns=now_ns, days=days)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_usage(authority=True), critical=True)
        builder = builder.add_extension(
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
        )
        return cls(_certified(builder.sign(key, hashes.SHA256()), key))

    def node(self, node: str, *, now_ns: int, days: int) -> Certified:
        """For a client: a node, or whoever else speaks to the broker under that name."""
        return self._issue(node, ExtendedKeyUsageOID.CLIENT_AUTH, (), now_ns=now_ns, days=days)

    def server(self, hosts: tuple[str, ...], *, now_ns: int, days: int) -> Certified:
        """For a broker that is reached under these names or addresses."""
        return self._issue(
            hosts[0][:MAX_NAME_CHARS], ExtendedKeyUsageOID.SERVER_AUTH, hosts, now_ns=now_ns, days=days
        )

    def _issue(
        self, name: str, usage: x509.ObjectIdentifier, hosts: tuple[str, ...], *, now_ns: int, days: int
    ) -> Certified:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_name(name), self._certificate.subject, key.public_key(), now_ns=now_ns, days=days)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_usage(authority=False), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
        )
        if hosts:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_host(host) for host in hosts]), critical=False
            )
        return _certified(builder.sign(self._key, hashes.SHA256()), key)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, *, now_ns: int, days: int
) -> x509.CertificateBuilder:
    now = datetime.fromtimestamp(now_ns // NS, UTC)
    return x509.CertificateBuilder(
        subject_name=subject,
        issuer_name=issuer,
        public_key=key,
        serial_number=x509.random_serial_number(),
        not_valid_before=now - BACKDATED,
        not_valid_after=now + timedelta(days=days),
    )


def _certified(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Certified:
    return Certified(
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)
