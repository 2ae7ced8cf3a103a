//! A service to shoot at: stands in for the services that users of Stampede test.
